-- A phase that nobody gets out of: `leave` never returns.
-- expect: overrun

return { first_phase = "a", phases = { a = { seconds = 0.1, next = "a", leave = function() while true do end end } } }
