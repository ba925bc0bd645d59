-- A loop that LuaJIT compiles to five instructions.
-- expect: overrun

return { tick = function() for _ = 1, 1e15 do end end }
