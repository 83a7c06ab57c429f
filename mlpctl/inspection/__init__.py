"""Load trained networks, predict with them, describe and draw them."""
