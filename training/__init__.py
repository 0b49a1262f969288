"""The paper's two training steps in torch: first the separators one by one, then the Mixer."""
