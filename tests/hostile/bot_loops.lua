-- A bot that thinks for ever.
-- expect: overrun

return { seats = { 1, 4 }, bots = 2, bot = function() while true do end end }
