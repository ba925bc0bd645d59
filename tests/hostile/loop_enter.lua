-- A loop in enter.
-- expect: overrun

return { enter = function() while true do end end }
