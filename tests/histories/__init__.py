"""Ten thousand random histories against two promises: nothing is lost, and every row has exactly one true answer.

    python -m tests.histories --count 10000 --seconds 590 --seed 0 --processes 2

A history is a list of small frozen actions of HR, an operator, a directory administrator, Entra and the platform. The
real steps of Rollcall play it over stores in memory, the Entra emulator and a fake clock, in one process and one
thread, so the same history always ends the same way. Then the world becomes quiet, everything is sent and answered,
and the invariants are checked.

| module | what it holds |
| --- | --- |
| `actions` | the actions, each with its own parameters; `History` is the list of them |
| `draw` | a history from a seed |
| `hr` | what HR knows and writes: people, files |
| `world` | the ONE file that touches the product: stores, instances, decisions, the facts of the end |
| `tenant` | the emulator: its apps, its cycles, its administrator, what arrived and what was done with it |
| `tripwire` | calls that go wrong: deaths, storage that fails, processes that stand still |
| `facts` | what is noted, and what the invariants look at: plain values |
| `play` | an action acts on the world |
| `quiet` | the end of a history: faults end, everything is sent, answered and dropped once more |
| `model` | what the directory should hold, from the drops that were accepted |
| `truth` | what the emulator really did with each version, and so which outcomes are true |
| `invariants` | I1 to I6, each violation with a name |
| `run` | a history from its list to its violations |
| `parts` | many histories in a process of its own |
| `shrink` | the shortest history that still fails |
| `story` | a history as sentences, and as a Python literal |
| `table` | how often each action occurred, and each pair of a fault and the HR action that followed it |
| `mutations` | faults put back into the product, each of which a bounded run must find |
| `test_histories`, `test_named`, `test_mutations` | what pytest runs |
"""
