"""Did all arrive: what each source says of a time, and whether the numbers balance."""
