"""What pages of every module share: shell, forms, tables, charts, and what happens on mishaps."""
