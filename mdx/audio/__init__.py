"""Songs in, stems out: reading, resampling and writing audio files, block by block."""
