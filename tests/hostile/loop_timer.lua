-- A loop in a timer.
-- expect: overrun

return { timers = { ring = function() while true do end end }, open = function(room) room:after(0.2, "ring") end }
