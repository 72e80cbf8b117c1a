"""What shows that the store is as the product left it: heads beside the keys, marks of rows, read models compared."""
