"""The read models: each declared once as a record; tables, writing and reading are made from the declaration."""
