-- A loop in drop.
-- expect: overrun

return { drop = function() while true do end end }
