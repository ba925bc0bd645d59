-- A loop in __index.
-- expect: overrun

return { tick = function() return setmetatable({}, { __index = function() while true do end end }).x end }
