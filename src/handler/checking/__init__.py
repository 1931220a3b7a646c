"""What is looked at before a stack is made or changed, so that AWS refuses nothing later.

choices   parameters that do not go together
keys      a change of the key that would leave something unread, or unwritten
account   what is there already
"""
