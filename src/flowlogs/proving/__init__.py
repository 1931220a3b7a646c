"""After a deployment: one marked line goes all the way through a stack, and each step is looked at."""
