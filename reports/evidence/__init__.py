"""The bundle of evidence that is checked without Qorgau."""
