-- Two tables that hand a write to one another.
-- expect: overrun

local a, b = {}, {}
setmetatable(a, { __newindex = function(_, k, v) b[k] = v end })
setmetatable(b, { __newindex = function(_, k, v) local ok = pcall(function() a[k] = v end) while not ok do end end })
return { tick = function() a.x = 1 end }
