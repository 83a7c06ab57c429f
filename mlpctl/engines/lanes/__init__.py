"""Train many trials as the lanes of one batched tensor program (torch); made for accelerators, tested on the CPU.

All lanes of a program visit minibatches together. What the lanes of a layer compute lies side by side in one wide
matrix, so everything but the products of later layers is a few operations whatever the number of lanes, and no
operation mixes two lanes: a lane of NaN touches nobody.
"""
