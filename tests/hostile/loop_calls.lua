-- A loop of calls that the JIT inlines.
-- expect: overrun

local function f(n) return n + 1 end
return { tick = function() local n = 0 while true do n = f(n) end end }
