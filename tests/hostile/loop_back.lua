-- A loop in back.
-- expect: overrun

return { back = function() while true do end end }
