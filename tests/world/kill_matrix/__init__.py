"""The kill matrix: the real services against the sandbox world, killed and disturbed everywhere, and then counted.

    checkpoints   where a process can be killed, reached by hooks that exist only here
    faults        every fault of the sandbox world that make and publish can meet
    plan          what one seed does: which kills, which faults
    child         code that runs in forked processes: the driver, the person, the auditor
    sandbox       one sandbox world per worker, with its clips made once
    scenario      one seed from a fresh deployment to its verdict
    worker        plays seeds one after the other
    play          deals seeds out to workers
    report        the sums, and the sentence a person reads

`python -m tests.world.kill_matrix --seeds 1000` is what `make kill-matrix N=1000` runs; ten seeds written by hand are
the suite's, many drawn ones `make soak`'s.
"""
