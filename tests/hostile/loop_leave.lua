-- A loop in leave.
-- expect: overrun

return { leave = function() while true do end end }
