"""The paper's two steps in torch: the separators one by one, then the Mixer on top of them."""
