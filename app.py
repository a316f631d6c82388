"""The app: `streamlit run app.py`, or `streamlit run app.py -- STUDY` to open one study.

Pages are drawn by Streamlit; beside them, on the same port, stand the routes that the map and the desk ask.
"""

import streamlit as st

from explorer.pages.routes import data_routes
from explorer.pages.warming import warmed_up

app = st.App("explorer/pages/frame.py", routes=data_routes(), lifespan=warmed_up)
