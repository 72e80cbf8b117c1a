"""The golden log: what the product decided, in a text that only a changed decision changes."""
