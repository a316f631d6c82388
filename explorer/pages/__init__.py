"""What the visitor touches: one function `show(study)` a page. The only room that imports streamlit beside app.py."""
