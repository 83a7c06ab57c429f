"""Step 5: engines train trials. They share initial weights, minibatch order, dropout masks, schedules and metrics."""
