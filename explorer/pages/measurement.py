"""The part of the guide that says how a study was measured: outputs, faithfulness, search and parameters."""

import streamlit as st

from explorer.pages.state import plain
from explorer.study.study import Study
from explorer.views.measurement import FIDELITY, MODES, WAYS, coverage_in_words


def show_measurement(study: Study) -> None:
    """Four sections, each with an anchor of its own: outputs, fidelity, search, coverage."""
    _show_outputs(study)
    _show_fidelity(study)
    _show_search(study)
    _show_coverage(study)


def _show_outputs(study: Study) -> None:
    st.header("Which outputs are compared?", anchor="outputs", divider="gray")
    notes = study.notes("projection")
    if "mode" not in notes:
        st.info("This study does not say yet which outputs were measured.", icon=":material/info:")
        return
    st.markdown(MODES[notes["mode"]].format(count=study.subject["outputs"]))
    if study.task == "classification":
        st.markdown(
            "Networks with up to 16 outputs are measured with all of them, those with more, such as 1,000 classes, "
            "with one contrast a sample; `--outputs` chooses otherwise."
        )


def _show_fidelity(study: Study) -> None:
    st.header("How exact are the numbers of this study?", anchor="fidelity", divider="gray")
    fidelity = study.fidelity
    if not fidelity:
        st.info("The fidelity of this study has not been measured: its build is not finished.", icon=":material/info:")
        return
    rows = fidelity.get("rows")
    measured = f" on {rows:,} samples" if isinstance(rows, int) else ""
    st.markdown(
        "Whole gradients are too large to keep, so a study stores short features of them. They were compared with "
        f"exact gradients{measured}:"
    )
    for name, (title, words) in FIDELITY.items():
        value = fidelity.get(name)
        if isinstance(value, int | float) and not (name == "storage_rmse" and value == 0):
            st.markdown(f"- **{title}** · {words.format(value=value, tenths=10 * value)}")
    if study.unseen.share:
        st.markdown(
            "Features see most of a gradient. What near samples share in the rest is estimated from how alike they are "
            f"in what is seen ({study.unseen.share:.0%} of it for a perfect copy, fitted to exact similarities), and "
            "is part of every similarity shown. Soft counts are sums without it."
        )
    if study.notes("statistics").get("exact_density"):
        st.markdown("The soft counts of this study were taken over full gradients: they are exact.")


def _show_search(study: Study) -> None:
    found = study.notes("neighbors").get("search", {}).get("network")
    if not found:
        return
    st.header("Were all samples searched?", anchor="search", divider="gray")
    if found["index"] == "flat":
        st.markdown("Yes: every sample was compared with every other, so no near one was missed.")
        return
    st.markdown(
        f"With {study.n:,} samples, comparing all with all would take too long or too much memory. An index "
        f"({plain(found['index'])}) looks where near samples are likely to be. Measured on "
        f"{found['recall_samples']:,} samples of this study, it finds **{found['recall_at_10']:.1%}** of the ten "
        "nearest by features."
    )


def _show_coverage(study: Study) -> None:
    st.header("Which parameters take part?", anchor="coverage", divider="gray")
    coverage = study.manifest.coverage
    if not coverage:
        st.info("This study does not say yet which parameters were measured.", icon=":material/info:")
        return
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in coverage_in_words(coverage)))
    with st.expander("All parameters by name"):
        ways = [WAYS.get(way, way) for way in coverage.values()]
        st.dataframe({"parameter": list(coverage), "how its gradient was measured": ways}, hide_index=True)
