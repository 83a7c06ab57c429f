"""Tell others of epochs and trials: progress, TensorBoard, MLflow."""
