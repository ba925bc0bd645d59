-- __index that is the table itself.
-- expect: error

local t = {}
setmetatable(t, { __index = t })
return { tick = function() return t.x end }
