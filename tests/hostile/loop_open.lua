-- A loop in open.
-- expect: overrun

return { open = function() while true do end end }
