-- Tables in tables.
-- expect: memory or overrun

local kept = {}
return { tick = function() for _ = 1, 20000 do kept = { kept, {} } end end }
