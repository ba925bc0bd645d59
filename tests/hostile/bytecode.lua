-- Bytecode behind a comment.
-- expect: refused at load

LJ
