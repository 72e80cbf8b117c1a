"""Documents: notices in Russian and Kazakh, drafted from facts, rendered as HTML, PDF and mail."""
