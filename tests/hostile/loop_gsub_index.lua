-- A replacement table whose __index never comes back.
-- expect: overrun

return { tick = function() return (("x"):gsub(".", setmetatable({}, { __index = function() while true do end end }))) end }
