-- Timers until the limit.
-- expect: error or overrun

return { timers = { ring = function() end }, tick = function(room) for _ = 1, 500 do room:after(3600, "ring") end end }
