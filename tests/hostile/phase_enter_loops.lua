-- A phase that nobody gets into: `enter` never returns.
-- expect: overrun

return { first_phase = "a", phases = { a = { seconds = 0.1, next = "b" }, b = { enter = function() while true do end end } } }
