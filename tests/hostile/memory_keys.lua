-- Keys that grow.
-- expect: memory or overrun

local t, n = {}, 0
return { tick = function() for _ = 1, 20000 do n = n + 1 t["key" .. n] = true end end }
