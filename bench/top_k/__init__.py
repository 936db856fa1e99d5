"""What storing the largest logits alone does to losses, gradients and students."""
