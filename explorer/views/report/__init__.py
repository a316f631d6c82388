"""One self-contained page that tells the story of a study, see `page.report_html`."""
