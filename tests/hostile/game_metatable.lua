-- The module's own table loops when it is asked for what it lacks.
-- expect: harmless or error or overrun

return setmetatable({ tick_rate = 30 }, { __index = function() while true do end end })
