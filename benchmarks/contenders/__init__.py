"""Ways of bringing a payload into OpenSearch.

Each module has `prepare(url, fields)`, which returns the function that handles one Lambda event, and
says in its docstring what it leaves out.
"""
