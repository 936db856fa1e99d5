// A page that is opened from the disk may read no other file, so its search would find nothing: it is not shown there.
if (location.protocol === "file:") document.documentElement.classList.add("from-disk");
