"""What a user can set: the environment and `.env`, word for word and as values."""
