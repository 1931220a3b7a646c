"""What is written from the code into files of the project; never part of what is installed."""
