"""Keep results folders: schema, writer, reader, checkpoints, weights, maintenance."""
