"""From a document to a PDF: Typst, its fonts and template, and the processes that it runs in."""
