"""What is measured on a trained model, for the report."""
