"""What is looked at before a stack is made or changed, so that AWS refuses nothing later.

choices   parameters that do not go together
account   what is there already
"""
