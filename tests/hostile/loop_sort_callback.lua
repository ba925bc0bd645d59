-- A comparison that never comes back.
-- expect: overrun

return { tick = function() table.sort({ 3, 1, 2 }, function() while true do end end) end }
